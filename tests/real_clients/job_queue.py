"""A job queue: RQ's producers and workers, as they are, on a server on PORT. Usage: job_queue.py PORT

The worker waits for jobs by a blocking command on several queues, and is told to stop over pub/sub. The last line says
that all went well.
"""

import sys
import threading

from redis import Redis
from rq import Queue, SimpleWorker, Worker
from rq.command import send_shutdown_command
from rq.job import Job


def add(a, b):
    return a + b


def fail():
    raise ValueError("as it should")


def main():
    port = int(sys.argv[1])
    connection = Redis(port=port)
    high, low = Queue("high", connection=connection), Queue("low", connection=connection)

    # A worker that ends when all is done.
    jobs = [(low if number % 2 else high).enqueue("job_queue.add", number, 1) for number in range(40)]
    dependent = low.enqueue("job_queue.add", 1, 2, depends_on=jobs[0])
    failing = high.enqueue("job_queue.fail")
    SimpleWorker([high, low], connection=connection).work(burst=True, logging_level="CRITICAL")
    assert [job.return_value() for job in jobs] == [number + 1 for number in range(40)]
    assert dependent.return_value() == 3
    assert failing.get_status() == "failed"
    assert len(high) == 0 and len(low) == 0

    # One that waits until there is something, and then until it is told to stop.
    def produce():
        with Redis(port=port) as other:
            while not any("brpop" in client["cmd"] or "blpop" in client["cmd"] or "blmove" in client["cmd"]
                          for client in other.client_list() if "b" in client["flags"]):
                pass
            Queue("low", connection=other).enqueue("job_queue.add", 20, 22, job_id="late")
            while Job.fetch("late", connection=other).return_value() is None:
                pass
            for worker in Worker.all(connection=other):
                send_shutdown_command(other, worker.name)

    producer = threading.Thread(target=produce)
    producer.start()
    SimpleWorker([high, low], connection=connection).work(logging_level="CRITICAL")
    producer.join()
    assert Job.fetch("late", connection=connection).return_value() == 42
    print("all checks passed")


if __name__ == "__main__":
    main()
