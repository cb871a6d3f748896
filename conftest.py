"""nbval waits five seconds for what a cell that has ended shows last, and has no option for it: too short beside other work."""


def pytest_itemcollected(item):
    if hasattr(item, "output_timeout"):
        item.output_timeout = 120
