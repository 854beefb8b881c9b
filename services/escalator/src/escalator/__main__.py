"""`python -m escalator`: the service as a process of its own."""

from chassis.app import main
from escalator.app import SERVICE

if __name__ == "__main__":
    main(SERVICE)
