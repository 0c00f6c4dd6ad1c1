#!/usr/bin/env python3
"""Makes dumps.txt and the files beside it: what redis-server 7.0.15 and Valkey 9.1.2 write.

    make.py PORT_OF_REDIS PORT_OF_VALKEY

Both servers are emptied. In dumps.txt a line is `server|command of one key|payload of DUMP in hex`. In a
command, `@h3` stands for f0 v0 f1 v1 f2 v2, `@z3` for 0.5 m0 1.5 m1 2.5 m2, `@e3` for e0 e1 e2, `@i3` for 0 1 2,
and `*9:x` for xxxxxxxxx.
"""

import os
import re
import socket
import sys

BOTH = [
    "SET k abc", "SET k 0", "SET k -1", "SET k 127", "SET k 128", "SET k -129", "SET k -32769", "SET k 70000",
    "SET k 2147483648", "SET k 9223372036854775807", "SET k *32:a", "SET k *20:a", "SET k *70000:abcdefg,",
    "RPUSH k a", "RPUSH k a 1 -5 300 70000 5000000000 *70:x *5000:y", "RPUSH k @e2000", "RPUSH k *9000:z a",
    "SADD k 1 -2 30000", "SADD k 1 70000 -7000000000", "SADD k @i600", "SADD k a b 1", "SADD k @e200",
    "SADD k a *70:x",
    "HSET k f v", "HSET k f 1 2 w 3 -4", "HSET k @h600", "HSET k f *100:x",
    "ZADD k 1 a", "ZADD k -inf a inf b 0.1 c 2.5 d 1e20 e -0 f 3 4", "ZADD k @z200", "ZADD k 1 *100:x 2 y",
]
VALKEY = ["HSET k f v g w|HPEXPIREAT k 4000000000123 FIELDS 1 f", "HSET k @h200|HPEXPIREAT k 4000000000123 FIELDS 2 f7 f9"]


class Client:
    def __init__(self, port):
        self.file = socket.create_connection(("127.0.0.1", port)).makefile("rwb")

    def call(self, *args):
        args = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
        self.file.write(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in args))
        self.file.flush()
        return self.reply()

    def reply(self):
        line = self.file.readline()[:-2]
        if line[:1] == b"-":
            raise Exception(line)
        if line[:1] == b"$":
            return None if line == b"$-1" else self.file.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"*":
            return [self.reply() for _ in range(int(line[1:]))]
        return line[1:]


def expand(word):
    if match := re.fullmatch(r"\*(\d+):(.+)", word):
        count, text = int(match[1]), match[2]
        return [(text * count)[:count]]
    if match := re.fullmatch(r"@(\w)(\d+)", word):
        each = {"h": "f{0} v{0}", "z": "{0}.5 m{0}", "e": "e{0}", "i": "{0}"}[match[1]]
        return " ".join(each.format(at) for at in range(int(match[2]))).split()
    return [word]


def dumps(name, client, out):
    for line in BOTH + (VALKEY if name.startswith("valkey") else []):
        client.call("FLUSHALL")
        for command in line.split("|"):
            client.call(*[text for word in command.split() for text in expand(word)])
        print(f"{name}|{line.replace('|', '&')}|{client.call('DUMP', 'k').hex()}", file=out)


def file(name, client, policy):
    client.call("FLUSHALL")
    client.call("CONFIG", "SET", "maxmemory-policy", policy)
    code = "#!lua name=lib\nredis.register_function('f', function(keys, args) return args[1] end)"
    client.call("FUNCTION", "LOAD", "REPLACE", code)
    for number, line in enumerate(BOTH):
        if "*70000" in line or "@" in line:
            continue
        line = line.replace(" k ", f" key:{number} ", 1)
        client.call(*[text for word in line.split() for text in expand(word)])
    client.call("SELECT", 3)
    client.call("SET", "expires", "x", "PXAT", 4000000000123)
    client.call("SET", 12345, "integer key")
    client.call("SET", "long key " * 5, "compressed key")
    for number in range(5):
        client.call("XADD", "stream", f"{number + 1}-1", "field", number, "other", "x")
    client.call("XDEL", "stream", "2-1")
    client.call("XGROUP", "CREATE", "stream", "group", 0)
    client.call("XGROUP", "CREATE", "stream", "idle", "$")
    client.call("XREADGROUP", "GROUP", "group", "alice", "COUNT", 2, "STREAMS", "stream", ">")
    client.call("XREADGROUP", "GROUP", "group", "bob", "COUNT", 1, "STREAMS", "stream", ">")
    client.call("XGROUP", "CREATECONSUMER", "stream", "group", "carol")
    client.call("SET", "last", "end")
    client.call("SAVE")
    folder, saved = client.call("CONFIG", "GET", "dir")[1], client.call("CONFIG", "GET", "dbfilename")[1]
    os.rename(os.path.join(folder.decode(), saved.decode()), name + ".rdb")


redis, valkey = Client(int(sys.argv[1])), Client(int(sys.argv[2]))
with open("dumps.txt", "w") as out:
    dumps("redis-7.0.15", redis, out)
    dumps("valkey-9.1.2", valkey, out)
file("redis-7.0.15", redis, "allkeys-lfu")
file("valkey-9.1.2", valkey, "allkeys-lru")
