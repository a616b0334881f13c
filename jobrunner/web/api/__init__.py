"""The JSON API: what programs do with jobs over HTTP, in the words of the library and of the command line."""
