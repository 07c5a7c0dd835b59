# SPDX-License-Identifier: Apache-2.0
"""Servers of other systems, each set up as its manual advises for this load, in memory or so that
what is confirmed is on disk. What each means by that stands in README.md."""

import contextlib
import glob
import os
import shutil
import socket
import subprocess

from processes import Process

READY_S = 90


class Server:
    """One system. `provided` is the folder of what no Debian package has (provide.sh)."""
    name = client = None

    def __init__(self, build):
        self.provided = os.path.join(build, os.pardir, "peers")
        self.program = os.path.join(build, f"bench/bin/bench_peer_{self.client}")

    def missing(self):
        """Why it cannot be measured here, or nothing."""
        if not self.find():
            return f"{self.name}: skipped, there is no {self.client} here"
        if not os.path.exists(self.program):
            return f"{self.name}: skipped, the library of its client is not installed"
        return None

    def find(self):
        """Its program."""
        return shutil.which(self.client, path=f"{os.environ['PATH']}:/usr/bin:/usr/sbin")

    @contextlib.contextmanager
    def run(self, folder, durable):
        """A server without any data, and its port."""
        port = free_port()
        with self.start(folder, durable, port) as process:
            process.watch_until(lambda: answers(port), "an open port")
            yield port

    def start(self, folder, durable, port):
        raise NotImplementedError

    def peer(self, what, port, count, size, durable):
        return Process(self.program, what, port, count, size, "--durable", int(durable))


class Beanstalkd(Server):
    name, client = "beanstalkd", "beanstalkd"

    def start(self, folder, durable, port):
        return Process(self.find(), "-l", "127.0.0.1", "-p", port,
                       *(("-b", folder, "-f", 0) if durable else ()))


class Redis(Server):
    name, client = "Redis Streams", "redis"

    def find(self):
        return shutil.which("redis-server")

    def start(self, folder, durable, port):
        # A rewrite of the log would fork in the midst of a round: spared.
        return Process(self.find(), "--bind", "127.0.0.1", "--port", port, "--dir", folder,
                       "--loglevel", "warning", "--save", "", "--appendonly",
                       "yes" if durable else "no", "--appendfsync", "always",
                       "--auto-aof-rewrite-percentage", 0)


class RabbitMQ(Server):
    name, client = "RabbitMQ", "rabbitmq"

    def find(self):
        return next(iter(glob.glob("/usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server")), None)

    @contextlib.contextmanager
    def start(self, folder, durable, port):
        names = free_port()
        plugins = os.path.join(folder, "plugins")
        with open(plugins, "w", encoding="ascii") as file:
            file.write("[].")
        # With a NOTIFY_SOCKET the script becomes the server, which dies when we kill it.
        settings = {"NOTIFY_SOCKET": os.path.join(folder, "nobody"), "HOME": folder,
                    "ERL_EPMD_PORT": names, "ERL_EPMD_ADDRESS": "127.0.0.1",
                    "RABBITMQ_NODENAME": f"bench{port}@localhost", "RABBITMQ_NODE_PORT": port,
                    "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_DIST_PORT": free_port(),
                    "RABBITMQ_MNESIA_BASE": os.path.join(folder, "data"),
                    "RABBITMQ_LOG_BASE": os.path.join(folder, "log"), "RABBITMQ_LOGS": "-",
                    "RABBITMQ_ENABLED_PLUGINS_FILE": plugins,
                    "RABBITMQ_CONFIG_FILE": os.path.join(folder, "none")}
        with Process("epmd", "-port", names), \
                Process("env", *(f"{key}={value}" for key, value in settings.items()),
                        self.find(), deadline_s=READY_S) as server:
            yield server


class Nats(Server):
    name, client = "NATS JetStream", "nats"

    def find(self):
        return shutil.which("nats-server", path=f"{self.provided}:{os.environ['PATH']}")

    def start(self, folder, durable, port):
        config = os.path.join(folder, "nats.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(f'listen: "127.0.0.1:{port}"\nlog_file: "{folder}/log"\n'
                       f'jetstream {{ store_dir: "{folder}"'
                       f'{", sync_interval: always" if durable else ""} }}\n')
        return Process(self.find(), "-c", config)


class Kafka(Server):
    name, client = "Kafka", "kafka"

    def find(self):
        jars = os.path.join(self.provided, "kafka")
        return jars if os.path.isdir(jars) and shutil.which("java") else None

    def start(self, folder, durable, port):
        config = os.path.join(folder, "kafka.properties")
        control = free_port()
        settings = {
            "node.id": 1, "process.roles": "broker,controller",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@127.0.0.1:{control}",
            "log.dirs": os.path.join(folder, "log"), "num.partitions": 1,
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "group.initial.rebalance.delay.ms": 0, "message.max.bytes": 2_000_000,
        }
        if durable:
            settings["log.flush.interval.messages"] = 1
        with open(config, "w", encoding="ascii") as file:
            file.writelines(f"{key}={value}\n" for key, value in settings.items())
        java = ["java", "-Xms1g", "-Xmx1g", "-cp", os.path.join(self.find(), "*")]
        subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t",
                        "AAAAAAAAAAAAAAAAAAAAAQ", "-c", config], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return Process(*java, "kafka.Kafka", config, deadline_s=READY_S)


ALL = (Beanstalkd, Redis, RabbitMQ, Nats, Kafka)


def free_port():
    """One that nobody listens at just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
