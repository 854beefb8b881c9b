"""`python -m tickets`: the service on its own port."""

from chassis.app import main
from tickets.app import SERVICE

if __name__ == "__main__":
    main(SERVICE)
