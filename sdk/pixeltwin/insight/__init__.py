"""What is known afterwards, read from the outbox alone.

health, diagnosis       each platform: healthy or not, since when, why, what to do
match, quality          which signals conversions carried, by event and platform
scoring                 what such shares are worth, and what would help
orders, reconciliation  the shop's orders against what became of them
"""
