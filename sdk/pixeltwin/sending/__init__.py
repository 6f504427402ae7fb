"""The parts of delivery, free of HTTP: `pixeltwin.delivery` drives them, and only `pixeltwin.network` sends.

outbound   a claimed row becomes an event to send, or the reason why it stays
crew       one destination's pass, by several hands where it is far away
dispatch   claim → send → settle        exchange   one request and what came of it
reading    the platform's outcomes become settlements
remarks    what platforms remark about events they take
standing   what all workers know of a destination: its rate (ceiling) and its breaker; backoff says how long not to ask
gate       asks whether a destination may be asked now, and keeps its standing in the outbox
fingerprint  tells whether settings have changed since they were refused
skew, lateness, alarm   how far the clock is off, and the queue behind
report     what a pass did              secrecy   keeps tokens and personal data out of logs and reasons
"""
