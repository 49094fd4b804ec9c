"""Writes ad events as JSON lines, the campaign of each ad as CSV, and the windows that come of them: the ad-events benchmark.

The event is that of the Yahoo streaming benchmark: 7 string fields, about 250 bytes, 100 campaigns of 10 ads, a third of
the events are views. Event time advances by one second for every 10,000 events. The same arguments give the same bytes.
`expected.csv` has the views per campaign and window of ten seconds, counted while the events are drawn.

    python3 generate.py OUT_DIR --events 3000000 --files 12
"""

import argparse
import collections
import os
import random
import uuid


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--events", type=int, default=3_000_000)
    parser.add_argument("--files", type=int, default=12)
    arguments = parser.parse_args()
    random.seed(7)
    ids = lambda count: [str(uuid.UUID(int=random.getrandbits(128), version=4)) for _ in range(count)]
    users, pages, ads, campaigns = ids(100), ids(100), ids(1000), ids(100)
    os.makedirs(f"{arguments.out}/events", exist_ok=True)
    with open(f"{arguments.out}/campaigns.csv", "w") as out:
        out.write("c_ad_id,campaign_id\n")
        for number, ad in enumerate(ads):
            out.write(f"{ad},{campaigns[number // 10]}\n")
    # Parts of events that repeat are drawn from tables, which keeps this fast enough in plain Python.
    heads = [f'{{"user_id": "{user}", "page_id": "{page}", "ad_id": "' for user in users[:30] for page in pages[:30]]
    # Every third kind is a view.
    kinds = [f'", "ad_type": "{kind}", "event_type": "{event}", "event_time": "'
             for kind in ("banner", "modal", "sponsored-search", "mail", "mobile")
             for event in ("view", "click", "purchase")]
    tail = '", "ip_address": "1.2.3.4"}\n'
    start = 1_704_067_200_000
    per_file = -(-arguments.events // arguments.files)
    written = 0
    choice = random.random
    views = collections.Counter()
    for number in range(arguments.files):
        lines = []
        for event in range(written, min(written + per_file, arguments.events)):
            ad, kind, time = int(choice() * 1000), int(choice() * 15), start + event // 10
            lines.append(f"{heads[int(choice() * 900)]}{ads[ad]}{kinds[kind]}{time}{tail}")
            if kind % 3 == 0:
                views[ad // 10, time // 10_000] += 1
        written += len(lines)
        path = f"{arguments.out}/events/{number:04}.json"
        with open(path, "w") as out:
            out.write("".join(lines))
        # Files are read in the order of their modification times.
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    with open(f"{arguments.out}/expected.csv", "w") as out:
        for (campaign, window), count in sorted(views.items()):
            out.write(f"{campaigns[campaign]},{window * 10_000},{count}\n")


main()
