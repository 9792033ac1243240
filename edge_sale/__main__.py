"""`python -m edge_sale` is the command `edge-sale`."""

from edge_sale.cli import main

if __name__ == "__main__":
    main()
