"""`edge-sale bench bundled`: the paper's table, live, from the models that come with edge-sale.

tasks.py            the tasks
trials.py           every agent on every task, in batches
live_auctions.py    auctions with an auction memory, in several task orders
remote_senior.py    the largest agent behind a server
methods.py          the rows of the table
run.py              all of it, written to a runs file
goals.py            figures of a runs file, with their goals
retrieval_eval.py   how well the embedder finds tasks of the same structure
"""
