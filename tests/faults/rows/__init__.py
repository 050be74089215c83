"""The rows of the matrix, one file each.

A row is a file in ``tests/faults/rows`` with ``NAME`` (as in ``ROWS="K1"``), ``WHAT`` (what is done, in a few words)
and ``async def run(lab: Lab, seed: int) -> Result``. The runner gives it a lab that is not yet opened::

    async def run(lab: Lab, seed: int) -> Result:
        await lab.open(partitions=4)                      # topics, endpoint, readers; lab.load is connected
        worker = lab.worker("a")                          # settings={...} is merged into those of the app
        await worker.start()
        await lab.load.bring(400)                         # 400 profiles: a fragment and the first membership of each
        lab.load.start(rate=200)                          # until lab.load.stop(), which lab.judge calls
        await lab.flowing()                               # something was delivered, and requests are open
        with lab.fault("SIGKILL", crash=True):            # from when to when; crash: it explains repetitions
            worker.kill()
        await worker.start()
        return await lab.judge(NAME, WHAT, seed)          # fresh records, quiet, all invariants

Rows that break the broker use ``lab.broker`` (``await asyncio.to_thread(lab.broker.kill)``, since its methods block); a
row that needs brokers of its own opens the lab with ``bootstrap=...``, and gives the workers another address by
``settings={"kafka": {"bootstrapServers": ...}}``. The judge's own connections never pass a proxy.
"""
