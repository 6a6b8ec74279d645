"""A Ray cluster of two nodes on this machine, in a process that loads nothing else: Ray forks, which JAX warns of.

Prints its address; a line to its standard input kills the second node; at the end of its input it stops.
"""

import sys


def main(folder):
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, "temp_dir": folder}
    )
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    print(f"address {cluster.address}", flush=True)
    for _ in sys.stdin:
        cluster.remove_node(second, allow_graceful=False)
        print("killed", flush=True)
    cluster.shutdown()


if __name__ == "__main__":  # the doctests of every module are collected by importing it
    main(sys.argv[1])
