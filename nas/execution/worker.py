"""The main program of a worker process: `python -m nas.execution.worker DESCRIPTOR`, started by `processes.py`.

It ends as soon as the process that started it has ended, however that happened.
"""

import os
import sys
import threading
from multiprocessing.connection import Connection

from nas.execution.bench import Bench
from nas.execution.crew import Assignment, FromWorker


def main(descriptor: int) -> None:
    """Serves the process at the other end of a socket until that closes it."""
    os.set_inheritable(descriptor, False)
    os.dup2(2, 1)  # what libraries print must not end up in the output of the command
    connection: Connection = Connection(descriptor)
    sending = threading.Lock()

    def send(message: FromWorker) -> None:
        try:
            with sending:
                connection.send(message)
        except OSError:
            os._exit(1)

    bench = Bench(send)
    threading.Thread(target=_receive, args=(connection, bench), daemon=True).start()
    bench.work()


def _receive(connection: Connection, bench: Bench) -> None:
    """Passes on what arrives, also while an item runs; nobody is there any more where the socket is closed."""
    try:
        while True:
            message = connection.recv()
            if isinstance(message, Assignment):
                bench.submit(message)
            else:
                bench.cancel(message)
    except (EOFError, OSError):
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
