"""Checks of the chapters, on top of nbval: `pytest --chapters book`.

`plugin` finds and runs the notebooks; `compare` and `pictures` judge their outputs;
`structure` and `style` judge a notebook without running it.
"""
