"""The fault drill: processes are killed, links cut and queues emptied at random, and nothing may be lost or done twice.

Outside of what it tests: alerts are submitted, orders received and messages read by processes of their own, which write
down what they saw in files of their own; ``checking`` holds these files against the store afterwards.
"""
