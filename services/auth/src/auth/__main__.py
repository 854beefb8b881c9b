"""`python -m auth`: the service as a process of its own."""

from auth.app import SERVICE
from chassis.app import main

main(SERVICE)
