"""What is said where watching cannot do what it promises; a training goes on all the same."""


class FlowWarning(UserWarning):
    """Something could not be measured."""
