# CPython: many imports, containers, JSON and a pool of processes.
packages='python3'
subject=(/usr/bin/python3 -c '
import json, re, decimal, email.message, http.client, xml.dom.minidom, sqlite3, multiprocessing
def work(n):
    rows = [{"key": i, "text": "x" * (i % 97), "list": list(range(i % 31))} for i in range(n)]
    return len(re.findall("x+", json.dumps(rows)))
if __name__ == "__main__":
    with multiprocessing.Pool(3) as pool:
        print(sum(pool.map(work, [2000, 8000, 16000, 4000])), work(20000))
    db = sqlite3.connect(":memory:")
    db.execute("create table t(a, b)")
    db.executemany("insert into t values (?, ?)", ((i, "y" * 50) for i in range(20000)))
    print(db.execute("select count(*) from t where a % 7 = 0").fetchone())
')
