"""`python -m auth`: the service as a process of its own."""

from auth.app import SERVICE
from chassis.service import main

main(SERVICE)
