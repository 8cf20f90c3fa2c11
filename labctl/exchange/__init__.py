"""Runs and protocols in other people's formats: what labctl writes for their tools, and reads of their files.

Signs and units are converted here and nowhere else: inside labctl a positive current charges the cell, Z = Z' + jZ''
has Z'' < 0 where the cell is capacitive, and everything is SI.
"""
