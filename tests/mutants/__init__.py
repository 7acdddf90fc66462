"""Faults that people make with VAEs, planted one at a time: do the tests really notice?"""
