# sqlite3 reading its database through mmap while it grows.
packages='sqlite3'
subject=(sqlite3 "$work/t.db" 'pragma mmap_size=268435456; create table t(a integer primary key, b);
with recursive n(i) as (select 1 union all select i+1 from n where i < 60000) insert into t select i, hex(randomblob(40)) from n;
create index tb on t(b); select count(*) from t where b like "A%"; delete from t where a % 3 = 0; vacuum; select sum(a) from t;')
