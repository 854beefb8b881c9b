"""`python -m auth`: the service as a process of its own."""

from chassis.app import main

from auth.app import SERVICE

main(SERVICE)
