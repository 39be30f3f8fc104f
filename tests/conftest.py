"""What every test relies on."""

import signal

# A shell that starts its commands in the background has them ignore Ctrl-C, and so would every
# program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
