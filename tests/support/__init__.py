"""Helpers of the tests: real servers on free ports, in temporary folders."""
