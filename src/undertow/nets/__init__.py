"""Feed-forward nets by depth and width, put together from blocks."""
