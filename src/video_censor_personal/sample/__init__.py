"""The sample movie, made by code: what is planted in it is known to the frame and to the word.

`sample.movie.make_sample` makes it, `sample.truth.Truth` says what is where, `sample.script` is
what happens in it.
"""
