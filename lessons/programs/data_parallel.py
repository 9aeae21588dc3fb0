"""Data-parallel training: several processes, one network, averaged gradients. PyTorch.

python data_parallel.py      two processes on this machine
python data_parallel.py 3    as many as you say
"""

import sys
import tempfile
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn


def data_and_network():
    """201 points of XOR and a network 2-8-1: the same in every process."""
    torch.manual_seed(0)
    X = torch.randn(201, 2, dtype=torch.float64)
    y = (X[:, :1] * X[:, 1:] < 0).double()  # (201, 1): 1 where the signs differ
    return X, y, nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()


def rows_of(rank, processes):
    """Which of the rows are this process's: as many as the others', or one less."""
    return torch.arange(201).tensor_split(processes)[rank]


def train(rank, processes):
    """What process number `rank` does; a single process does everything."""
    X, y, network = data_and_network()
    mine = rows_of(rank, processes)
    loss_function = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    for _ in range(20):
        loss = loss_function(network(X[mine]), y[mine])  # a mean over my rows
        optimizer.zero_grad()
        (loss * len(mine) / len(X)).backward()  # weighted by my share of all rows
        if processes > 1:
            for parameter in network.parameters():
                dist.all_reduce(parameter.grad)  # the sum over all processes, in each
        optimizer.step()
    return network.state_dict()


def work(rank, processes, port, folder):
    """Join the others, train, and write the weights to a file."""
    store = dist.TCPStore("127.0.0.1", port)
    me = {"rank": rank, "world_size": processes, "timeout": timedelta(seconds=60)}
    dist.init_process_group("gloo", store=store, **me)
    torch.save(train(rank, processes), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def train_together(processes):
    """Start the processes, wait for them, and return the weights of each."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, (processes, store.port, folder), nprocs=processes)
        return [torch.load(f"{folder}/{rank}.pt") for rank in range(processes)]


if __name__ == "__main__":
    processes = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    alone = train(0, 1)
    for rank, weights in enumerate(train_together(processes)):
        rows = len(rows_of(rank, processes))
        gap = max((weights[name] - alone[name]).abs().max() for name in alone)
        same = bool(gap < 1e-12)
        print(f"process {rank}, {rows} rows: within 1e-12 of one process: {same}")
