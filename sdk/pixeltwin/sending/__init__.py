"""The parts of delivery, free of HTTP: only `pixeltwin.delivery`, which drives them, sends.

outbound   a claimed row becomes an event to send, or the reason why it stays
dispatch   one destination's pass: claim → send → settle
reading    the platform's outcomes become settlements
remarks    what platforms remark about events they take
gate       whether a destination may be asked now: rate limit and breaker; backoff says how long not
report     what a pass did          secrecy   what keeps tokens and personal data out of logs and reasons
"""
