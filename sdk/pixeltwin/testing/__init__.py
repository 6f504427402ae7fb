"""What tests of conversion tracking need.

conformance   the platforms' published dedup rules as data, for whoever claims to follow them
"""
