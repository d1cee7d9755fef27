"""Sets: data that packages of pip, apt and npm carry, read from there and never brought along.

`catalog` lists them; `record` says what one is; `place`s know where a kind of package is installed; the other files
read one package each.
"""
