"""What redis-py must get from a server. Arguments: protocol (2 or 3), TCP port, unix socket, and the TCP port of a
server with the password "secret". Every function named check_... gets an empty server; a failed assertion ends the
script with its traceback."""

import asyncio
import sys
import threading

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

PROTOCOL, PORT, SOCKET, CLOSED_PORT = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
TIMEOUT_S = 20


def connect(port=PORT, **options):
    return redis.Redis("127.0.0.1", port, protocol=PROTOCOL, socket_timeout=TIMEOUT_S, **options)


def fails(error, text, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except error as raised:
        assert text in str(raised), raised
    else:
        raise AssertionError(f"{function} did not raise {error}")


def check_protocol_is_the_one_asked_for(r):
    hello = r.execute_command("HELLO")
    if isinstance(hello, list):
        hello = dict(zip(hello[::2], hello[1::2]))
    hello = {(k.decode() if isinstance(k, bytes) else k): v for k, v in hello.items()}
    assert hello["proto"] == PROTOCOL, hello
    assert r.ping() is True


def check_strings(r):
    assert r.set("a", b"\x00\xff\r\n") is True
    assert r.get("a") == b"\x00\xff\r\n"
    assert r.set("a", "x", nx=True) is None
    assert r.set("a", "y", get=True) == b"\x00\xff\r\n"
    assert r.get("missing") is None
    assert r.append("a", "z") == 2
    assert r.getrange("a", -1, -1) == b"z"
    assert r.setrange("a", 3, "!") == 4
    assert r.get("a") == b"yz\x00!"
    assert r.strlen("a") == 4
    assert r.getdel("a") == b"yz\x00!"
    assert r.exists("a") == 0
    assert connect(decode_responses=True).set("u", "grün") is True
    assert r.get("u") == "grün".encode()


def check_numbers(r):
    assert r.incr("n") == 1
    assert r.incrby("n", 41) == 42
    assert r.decr("n", 2) == 40
    assert r.incrbyfloat("f", 10.5) == 10.5
    assert r.incrbyfloat("f", 0.1) == 10.6
    assert r.get("f") == b"10.6"
    r.set("n", 2**63 - 1)
    fails(redis.ResponseError, "increment or decrement would overflow", r.incr, "n")
    fails(redis.ResponseError, "value is not an integer or out of range", r.incr, "f")


def check_many_keys_at_once(r):
    keys = {f"k{i}": f"v{i}" for i in range(100)}
    assert r.mset(keys) is True
    assert r.mget(list(keys)) == [v.encode() for v in keys.values()]
    assert r.msetnx({"new": 1, "k7": 2}) in (False, 0)
    assert r.exists("new") == 0
    assert r.mget("k1", "new") == [b"v1", None]
    assert r.exists(*keys) == 100
    assert r.touch("k1", "k2", "new") == 2
    assert r.dbsize() == 100
    assert r.delete(*list(keys)[:60]) == 60
    assert r.unlink(*keys) == 40
    assert r.dbsize() == 0


def check_times_to_live(r):
    assert r.set("a", 1, ex=1000) is True
    assert 990 <= r.ttl("a") <= 1000
    assert r.expire("a", 500, gt=True) in (False, 0)
    assert r.pexpire("a", 2_000_000) in (True, 1)
    assert 1_990_000 < r.pttl("a") <= 2_000_000
    assert r.getex("a", persist=True) == b"1"
    assert r.ttl("a") == -1
    assert r.persist("a") in (False, 0)
    assert r.ttl("missing") == -2
    assert r.expire("a", -1) in (True, 1)
    assert r.get("a") is None
    fails(redis.ResponseError, "invalid expire time in 'set' command", r.set, "a", 1, px=-1)


def check_bits(r):
    assert r.setbit("b", 7, 1) == 0
    assert r.getbit("b", 7) == 1
    assert r.bitcount("b") == 1
    assert r.bitpos("b", 1) == 7
    assert r.bitop("NOT", "c", "b") == 1
    assert r.get("c") == b"\xfe"
    assert r.bitfield("d").incrby("u8", "#1", 300, "SAT").get("u8", 8).execute() == [255, 255]


def check_longest_common_subsequence(r):
    r.mset({"a": "ohmytext", "b": "mynewtext"})
    assert r.lcs("a", "b") == b"mytext"
    assert r.lcs("a", "b", len=True) == 6
    reply = r.execute_command("LCS", "a", "b", "IDX")
    if PROTOCOL == 3:
        assert {(k.decode() if isinstance(k, bytes) else k): v for k, v in reply.items()} == {
            "matches": [[[4, 7], [5, 8]], [[2, 3], [0, 1]]],
            "len": 6,
        }, reply
    else:
        assert reply == [b"matches", [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], b"len", 6], reply


def check_a_pipeline_keeps_its_order(r):
    pipeline = r.pipeline(transaction=False)
    for i in range(5000):
        pipeline.set(f"k{i % 37}", i).get(f"k{i % 37}")
    pipeline.incr("n").append("n", "x").incr("n")
    replies = pipeline.execute(raise_on_error=False)
    assert replies[: 2 * 5000 : 2] == [True] * 5000
    assert replies[1 : 2 * 5000 : 2] == [str(i).encode() for i in range(5000)]
    assert replies[-3:-1] == [1, 2]
    assert isinstance(replies[-1], redis.ResponseError)


def check_big_values(r):
    value = bytes(range(256)) * 4 * 8192
    assert r.set("big", value) is True
    assert r.get("big") == value
    assert r.getrange("big", len(value) - 256, -1) == value[-256:]


def check_databases(r):
    r.set("a", 0)
    other = connect(db=5)
    assert other.exists("a") == 0
    assert other.set("a", 5) is True
    assert other.flushdb() is True
    assert r.get("a") == b"0"
    assert r.flushall() is True
    assert r.dbsize() == 0
    fails(redis.ResponseError, "DB index is out of range", connect(db=16).ping)


def check_connection_names_and_ids(r):
    named = connect(client_name="somebody")
    assert named.client_getname() in (b"somebody", "somebody")
    assert named.client_id() > 0
    assert any(client["name"] == "somebody" for client in r.client_list())
    assert named.client_info()["name"] == "somebody"
    clients = [connect(single_connection_client=True) for _ in range(20)]
    assert len({client.client_id() for client in clients}) == 20


def check_unix_socket(r):
    assert redis.Redis(unix_socket_path=SOCKET, protocol=PROTOCOL, socket_timeout=TIMEOUT_S).set("a", "unix") is True
    assert r.get("a") == b"unix"


def check_password(r):
    assert connect(CLOSED_PORT, password="secret").ping() is True
    assert connect(CLOSED_PORT, username="default", password="secret").ping() is True
    # Without retries: redis-py would try again for seconds.
    once = Retry(NoBackoff(), 0)
    wrong = connect(CLOSED_PORT, password="x", retry=once)
    fails(redis.AuthenticationError, "invalid username-password pair", wrong.ping)
    fails(redis.AuthenticationError, "", connect(CLOSED_PORT, retry=once).ping)


def check_commands_are_described(r):
    command = r.command()
    assert command["get"]["arity"] == 2
    assert r.command_count() >= len(command)
    assert r.command_getkeys("MSET", "a", 1, "b", 2) in ([b"a", b"b"], ["a", "b"])


def check_server_facts(r):
    info = r.info()
    # 7.0.15 is the real server's, when the checks are tried on it.
    assert info["redis_version"] in ("7.2.4", "7.0.15"), info["redis_version"]
    assert info["redis_mode"] == "standalone"
    assert len(r.time()) == 2
    assert "maxmemory" in r.config_get("maxmemory*")


def check_publish_and_subscribe(r):
    subscriber = connect().pubsub()
    subscriber.subscribe("news", "olds")
    subscriber.psubscribe("n*")
    counts = [subscriber.get_message(timeout=TIMEOUT_S)["data"] for _ in range(3)]
    assert counts == [1, 2, 3], counts
    assert r.publish("news", b"\x00hi") == 2
    message, by_pattern = (subscriber.get_message(timeout=TIMEOUT_S) for _ in range(2))
    assert message == {"type": "message", "pattern": None, "channel": b"news", "data": b"\x00hi"}, message
    assert (by_pattern["type"], by_pattern["pattern"]) == ("pmessage", b"n*"), by_pattern
    subscriber.ping("alive?")
    assert subscriber.get_message(timeout=TIMEOUT_S)["data"] in (b"alive?", "alive?")
    assert r.pubsub_numsub("news", "nobody") == [(b"news", 1), (b"nobody", 0)]
    assert sorted(r.pubsub_channels("*s")) == [b"news", b"olds"]
    assert r.pubsub_numpat() == 1
    subscriber.unsubscribe()
    subscriber.punsubscribe()
    kinds = sorted(subscriber.get_message(timeout=TIMEOUT_S)["type"] for _ in range(3))
    assert kinds == ["punsubscribe", "unsubscribe", "unsubscribe"], kinds
    assert r.publish("news", "nobody hears it") == 0
    subscriber.close()


def check_a_thread_listens(r):
    heard = []
    all_heard = threading.Event()

    def hear(message):
        heard.append(message["data"])
        if len(heard) == 1000:
            all_heard.set()

    subscriber = connect().pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe(**{"numbers": hear})
    thread = subscriber.run_in_thread(sleep_time=0.01)
    while r.pubsub_numsub("numbers") != [(b"numbers", 1)]:
        pass
    pipeline = r.pipeline(transaction=False)
    for number in range(1000):
        pipeline.publish("numbers", number)
    assert pipeline.execute() == [1] * 1000
    assert all_heard.wait(TIMEOUT_S)
    thread.stop()
    thread.join()
    assert heard == [str(number).encode() for number in range(1000)]


def check_threads_share_a_pool(r):
    pool = connect(max_connections=16)

    def count():
        for _ in range(500):
            pool.incr("n")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert r.get("n") == b"4000"


def check_asyncio(r):
    async def run():
        a = redis.asyncio.Redis(host="127.0.0.1", port=PORT, protocol=PROTOCOL, socket_timeout=TIMEOUT_S)
        for start in range(0, 200, 50):
            counts = await asyncio.gather(*(a.incr("n") for _ in range(50)))
            assert sorted(counts) == list(range(start + 1, start + 51))
        await a.aclose()

    asyncio.run(run())
    assert r.get("n") == b"200"


if __name__ == "__main__":
    assert PROTOCOL in (2, 3)
    server = connect()
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            server.flushall()
            print(name, flush=True)
            check(server)
    print("all checks passed")
