# clang compiling C++ templates: a large program with many shared objects in one process.
packages='clang libstdc++-12-dev'
prepare() {
	cat >"$work/a.cc" <<'EOF'
#include <map>
#include <string>
#include <vector>
#include <algorithm>
#include <functional>
std::map<std::string, std::vector<std::function<int(int)>>> table;
int main() { for (auto &[k, v] : table) std::sort(v.begin(), v.end(), [](auto &, auto &) { return false; }); return (int)table.size(); }
EOF
}
subject=(clang++ -O2 -std=c++17 -c -o "$work/a.o" "$work/a.cc")
