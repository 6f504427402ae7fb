"""The parts of the tracker: what happens between `track()` and the row in the outbox.

arguments    what `track` takes                       intake       the way of one conversion into the outbox
asking       what consent and the platforms say       holding      what waits for a payment
remembering  signals kept for later                   repeats      the same conversion, reported again
mode         live, off, or to test modes              ledger       decisions about consent
losses       what was lost, counted                   announcements  who is told of the work as it goes
deciding     what waits, once consent is answered
"""
