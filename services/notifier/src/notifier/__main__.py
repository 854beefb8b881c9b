"""`python -m notifier`: the service as a process of its own."""

from chassis.app import main
from notifier.app import SERVICE

main(SERVICE)
