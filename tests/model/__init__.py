"""A model of activation over dictionaries, and what holds it against the product: in memory, and on a real Kafka.

``laws`` says what must be known of a profile and who is sent it, ``contents`` what it is sent; neither shares a line
with the product. ``strategies`` draws worlds, ``judge`` compares, ``memory`` and ``plant`` run the product.
"""
