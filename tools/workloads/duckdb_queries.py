"""The work of a workload by DuckDB: duckdb_queries.py WORKLOAD THREADS, in the data's folder."""
import sys

ROWS = "{'ts': 'BIGINT', 'service': 'VARCHAR', 'user': 'VARCHAR', 'status': 'INTEGER', 'latency_ms': 'DOUBLE'}"
LINE = (r'(?P<host>\S+) \S+ (?P<user>\S+) \[(?P<at>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) [^"]*" '
        r'(?P<status>\d{3}) (?P<bytes>\d+)')


def csv(path, columns):
    return f"read_csv('{path}', header = false, auto_detect = false, columns = {columns})"


def failed(path):
    return f"SELECT user, status, latency_ms FROM {csv(path, ROWS)} WHERE status >= 400"


QUERIES = {
    'csv_filter': failed('rows.csv'),
    'gzip_filter': failed('rows.csv.gz'),
    'json_group': "SELECT user, count(*), sum(latency_ms) FROM read_json('records.jsonl', format = 'newline_delimited', "
                  "columns = {'user': 'VARCHAR', 'latency_ms': 'DOUBLE'}) GROUP BY user",
    'sort': f"SELECT * FROM {csv('rows.csv', ROWS)} ORDER BY user, latency_ms DESC",
    'join': f"SELECT * FROM {csv('rows.csv', ROWS)} AS log JOIN "
            f"""{csv('users.csv', "{'user': 'VARCHAR', 'country': 'VARCHAR', 'plan': 'VARCHAR'}")} AS users USING (user)""",
    'regex': f"SELECT p.host, p.path, p.status::INTEGER AS status, p.bytes::BIGINT FROM (SELECT regexp_extract(line, '{LINE}', "
             "['host', 'user', 'at', 'method', 'path', 'status', 'bytes']) AS p FROM "
             "read_csv('access.log', header = false, auto_detect = false, delim = '\\x1f', quote = '', escape = '', "
             "columns = {'line': 'VARCHAR'})) WHERE p.status::INTEGER >= 400",
}

if __name__ == '__main__':
    import duckdb
    workload, threads = sys.argv[1], int(sys.argv[2])
    connection = duckdb.connect(config={'threads': threads})
    connection.execute(f"COPY ({QUERIES[workload]}) TO 'duckdb_{workload}.csv' (HEADER false)")
