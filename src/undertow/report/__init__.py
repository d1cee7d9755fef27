"""Records in; text, pictures and pages out. Nothing here needs torch."""
