"""Break a running deployment on purpose and check what is left of its promises: `python -m faults`; not in the wheel.

Infrastructure: `proxy` stands between clients and brokers and does to single requests what networks do; `aims` says to
which; `brokers` is the cluster of a run, one broker or three; `disk` is a disk that can be full.
"""
