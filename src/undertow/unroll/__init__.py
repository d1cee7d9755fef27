"""Running a cell along something: the plain loops that every kernel must equal."""
