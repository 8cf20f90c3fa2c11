"""Protocols in other people's languages: unicycler's JSON and PyBaMM's experiment strings, in both directions.

Whatever the other language cannot hold is named, field by field, and nothing is written unless the person accepts it.
"""
