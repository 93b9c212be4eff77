# SPDX-License-Identifier: Apache-2.0
"""The part of the txredisapi interface that Synapse uses, over Twisted and hiredis.

Test equipment of the mxplay lab: no Debian suite has txredisapi, and without
it a Synapse with workers does not start. It was written against Synapse's
calls; it is not, and does not contain, the module of that name.
"""

from collections import deque

import hiredis
from twisted.internet import defer, protocol
from twisted.protocols.policies import TimeoutMixin
from twisted.python import log


class RedisError(Exception):
    """Base of all errors of this module."""


class ConnectionError(RedisError):
    """The connection was lost before the reply came."""


class ResponseError(RedisError):
    """Redis refused the command."""


def _encode(part, charset):
    if isinstance(part, bytes):
        return part
    return str(part).encode(charset)


class RedisProtocol(protocol.Protocol, TimeoutMixin):
    """One connection; commands are sent at once and answered in order."""

    def __init__(self, charset="utf-8", errors="strict"):
        self.charset = charset
        self._reader = hiredis.Reader(encoding=charset, errors=errors)
        self._pending = deque()  # [deferred, replies still to come]

    def connectionMade(self):
        steps = []
        if self.factory.password is not None:
            steps.append(self.execute_command("AUTH", self.factory.password))
        if self.factory.dbid:
            steps.append(self.execute_command("SELECT", self.factory.dbid))
        ready = defer.gatherResults(steps, consumeErrors=True)
        ready.addCallbacks(lambda _: self._ready(), self._refused)

    def _ready(self):
        self.factory.resetDelay()
        self.factory.add_connection(self)

    def _refused(self, failure):
        error = failure.value
        if isinstance(error, defer.FirstError):
            error = error.subFailure.value
        log.msg("redis: refused: %s" % (error,))
        self.transport.loseConnection()

    def connectionLost(self, reason=protocol.connectionDone):
        self.setTimeout(None)
        self.factory.remove_connection(self)
        pending, self._pending = self._pending, deque()
        for deferred, _ in pending:
            deferred.errback(ConnectionError("connection to redis lost"))

    def timeoutConnection(self):
        self.transport.abortConnection()

    def execute_command(self, *parts, replies=1):
        """Send a command; the Deferred fires with its (last) reply."""
        deferred = defer.Deferred()
        if not self.connected:
            deferred.errback(ConnectionError("not connected to redis"))
            return deferred
        if not self._pending:
            self.setTimeout(self.factory.replyTimeout)
        self._pending.append([deferred, replies])
        encoded = [_encode(p, self.charset) for p in parts]
        self.transport.write(
            b"*%d\r\n" % len(encoded)
            + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in encoded)
        )
        return deferred

    def dataReceived(self, data):
        self._reader.feed(data)
        while True:
            reply = self._reader.gets()
            if reply is False:
                return
            self.replyReceived(reply)

    def replyReceived(self, reply):
        if not self._pending:
            log.msg("redis: a reply that nobody asked for")
            return
        entry = self._pending[0]
        entry[1] -= 1
        if entry[1] > 0 and not isinstance(reply, hiredis.ReplyError):
            return
        self._pending.popleft()
        self.setTimeout(self.factory.replyTimeout if self._pending else None)
        if isinstance(reply, hiredis.ReplyError):
            entry[0].errback(ResponseError(str(reply)))
        else:
            entry[0].callback(reply)

    def ping(self):
        return self.execute_command("PING")

    def get(self, key):
        return self.execute_command("GET", key)

    def set(self, key, value, expire=None, pexpire=None):
        options = []
        if expire is not None:
            options += ["EX", expire]
        if pexpire is not None:
            options += ["PX", pexpire]
        return self.execute_command("SET", key, value, *options)

    def publish(self, channel, message):
        return self.execute_command("PUBLISH", channel, message)


class SubscriberProtocol(RedisProtocol):
    """A connection that receives what is published on channels."""

    def messageReceived(self, pattern, channel, message):
        """Called for each message; to be overridden."""

    def replyReceived(self, reply):
        if isinstance(reply, list) and reply and reply[0] == "message":
            self.messageReceived(None, *reply[1:])
        elif isinstance(reply, list) and reply and reply[0] == "pmessage":
            self.messageReceived(*reply[1:])
        else:
            super().replyReceived(reply)

    def _channels(self, command, channels):
        if isinstance(channels, str):
            channels = [channels]
        # Redis confirms each channel by a reply of its own.
        return self.execute_command(command, *channels, replies=len(channels))

    def subscribe(self, channels):
        return self._channels("SUBSCRIBE", channels)

    def unsubscribe(self, channels):
        return self._channels("UNSUBSCRIBE", channels)

    def psubscribe(self, patterns):
        return self._channels("PSUBSCRIBE", patterns)


class ConnectionHandler:
    """Sends commands over the factory's connection, and waits for one if need be."""

    def __init__(self, factory):
        self._factory = factory

    def disconnect(self):
        self._factory.stopTrying()
        for connection in list(self._factory.pool):
            connection.transport.loseConnection()

    def _send(self, name, *args, **kwargs):
        deferred = self._factory.get_connection()
        deferred.addCallback(lambda c: getattr(c, name)(*args, **kwargs))
        return deferred

    def ping(self):
        return self._send("ping")

    def get(self, key):
        return self._send("get", key)

    def set(self, key, value, expire=None, pexpire=None):
        return self._send("set", key, value, expire=expire, pexpire=pexpire)

    def publish(self, channel, message):
        return self._send("publish", channel, message)

    def __repr__(self):
        return "<Redis Connection: %s, %d connected>" % (
            self._factory.uuid,
            len(self._factory.pool),
        )


class UnixConnectionHandler(ConnectionHandler):
    """The same over a Unix socket."""


class RedisFactory(protocol.ReconnectingClientFactory):
    """Keeps one connection up and knows who waits for it."""

    maxDelay = 10
    protocol = RedisProtocol
    noisy = False

    def __init__(
        self,
        uuid,
        dbid,
        poolsize,
        isLazy=False,
        handler=ConnectionHandler,
        charset="utf-8",
        password=None,
        replyTimeout=None,
        convertNumbers=True,
    ):
        self.uuid = uuid
        self.dbid = dbid
        self.poolsize = poolsize
        self.isLazy = isLazy
        self.charset = charset
        self.password = password
        self.replyTimeout = replyTimeout
        self.convertNumbers = convertNumbers
        self.pool = []
        self._waiting = deque()
        self.handler = handler(self)

    def buildProtocol(self, addr):
        p = self.protocol(charset=self.charset)
        p.factory = self
        return p

    def add_connection(self, connection):
        self.pool.append(connection)
        waiting, self._waiting = self._waiting, deque()
        for deferred in waiting:
            deferred.callback(connection)

    def remove_connection(self, connection):
        if connection in self.pool:
            self.pool.remove(connection)

    def get_connection(self):
        if self.pool:
            return defer.succeed(self.pool[0])
        deferred = defer.Deferred()
        self._waiting.append(deferred)
        return deferred
