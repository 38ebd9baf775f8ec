// SPDX-License-Identifier: Apache-2.0
// Short TCP connections at full speed over loopback, and the truth about each: one line per socket
// end in a file, written by the process that closed it.
//
//   churn_workload --server prefork|threaded|fork --close client|server --family 4|6|mapped
//                  --connections N --clients P --workers W --accept-address 0|1 --seed S
//                  --truth FILE
//
// Prints the server ports, one line, when the listeners are there, and waits for a line on standard
// input before it connects. A line of truth:
//
//   cookie end pid opener_pid tx rx local_port remote_port closed_ns
//
// closed_ns: when the process that serves had closed it, CLOCK_REALTIME; 0: a client.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kListeners = 4;
constexpr std::uint32_t kDestinations = 8;  // 127.0.0.1 to 127.0.0.8
constexpr std::size_t kMostBytes = 4000;
constexpr int kPatienceMs = 60'000;

enum class ServerKind { kPrefork, kThreaded, kFork };
enum class Family { kV4, kV6, kMapped };

struct Settings {
  ServerKind server = ServerKind::kPrefork;
  Family family = Family::kV4;
  bool client_closes_first = true;
  bool accept_address = false;
  std::uint32_t connections = 1000;
  std::uint32_t clients = 2;
  std::uint32_t workers = 2;
  std::uint32_t seed = 1;
  std::string truth = "truth";
};

// The client sends this first; `request` is the number of all its bytes, including this.
struct Header {
  std::uint32_t request;
  std::uint32_t response;
  std::uint32_t client_port;
};

// Shared by all processes.
struct Shared {
  std::array<std::atomic<std::uint32_t>, kListeners> ports;
  std::atomic<std::uint32_t> handled;
  std::atomic<std::uint32_t> let_go;  // how many accepted sockets the forking parent has closed
};

struct Context {
  Settings settings;
  Shared* shared = nullptr;
  int truth_fd = -1;
  int done_fd = -1;  // gets a byte when all connections are finished
  int stop_fd = -1;  // at its end of file, servers end
  int ready_fd = -1;
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  ::_exit(1);
}

int check(int result, const char* what) {
  if (result < 0) fail(what);
  return result;
}

void set_process_name(const char* name) {
  ::prctl(PR_SET_NAME, name, 0, 0, 0);
}

struct SocketTruth {
  std::uint64_t cookie = 0;
  const char* end = "";
  pid_t opener = 0;
  std::size_t tx = 0;
  std::size_t rx = 0;
  std::uint32_t local_port = 0;
  std::uint32_t remote_port = 0;
  std::uint64_t closed_ns = 0;
};

std::uint64_t real_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Each write has only whole lines, because many processes append to the file.
class TruthLog {
 public:
  explicit TruthLog(int fd) : fd_(fd) {}
  ~TruthLog() { flush(); }
  TruthLog(const TruthLog&) = delete;
  TruthLog& operator=(const TruthLog&) = delete;

  void add(const SocketTruth& truth) {
    std::array<char, 160> line;
    const int length = std::snprintf(line.data(), line.size(), "%llu %s %d %d %zu %zu %u %u %llu\n",
                                     static_cast<unsigned long long>(truth.cookie), truth.end,
                                     static_cast<int>(::getpid()), static_cast<int>(truth.opener),
                                     truth.tx, truth.rx, truth.local_port, truth.remote_port,
                                     static_cast<unsigned long long>(truth.closed_ns));
    text_.append(line.data(), static_cast<std::size_t>(length));
    if (text_.size() > 30'000) flush();
  }

  void flush() {
    if (text_.empty()) return;
    if (::write(fd_, text_.data(), text_.size()) != static_cast<ssize_t>(text_.size()))
      fail("write the truth");
    text_.clear();
  }

 private:
  int fd_;
  std::string text_;
};

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  check(::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), "SO_COOKIE");
  return cookie;
}

std::uint32_t local_port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  check(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
  // The port has the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

void send_all(int fd, const std::byte* bytes, std::size_t size) {
  while (size != 0) {
    const ssize_t sent = ::send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    check(static_cast<int>(sent), "send");
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

void receive_all(int fd, std::byte* bytes, std::size_t size) {
  while (size != 0) {
    const ssize_t got = ::recv(fd, bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = ECONNRESET;
    if (got <= 0) fail("recv");
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
}

void expect_end_of_stream(int fd) {
  std::byte one{};
  if (check(static_cast<int>(::recv(fd, &one, 1, 0)), "recv at the end") != 0) {
    std::fputs("more bytes than announced\n", stderr);
    ::_exit(1);
  }
}

socklen_t fill_address(Family family, std::uint32_t host, std::uint32_t port,
                       sockaddr_storage& storage) {
  storage = {};
  if (family == Family::kV4) {
    auto* address = reinterpret_cast<sockaddr_in*>(&storage);
    address->sin_family = AF_INET;
    address->sin_port = htons(static_cast<std::uint16_t>(port));
    address->sin_addr.s_addr = htonl(host);
    return sizeof *address;
  }
  auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
  address->sin6_family = AF_INET6;
  address->sin6_port = htons(static_cast<std::uint16_t>(port));
  if (family == Family::kMapped && host != 0) {
    const std::uint32_t network = htonl(host);
    address->sin6_addr.s6_addr[10] = address->sin6_addr.s6_addr[11] = 0xff;
    std::memcpy(&address->sin6_addr.s6_addr[12], &network, sizeof network);
  } else if (family == Family::kV6) {
    address->sin6_addr = in6addr_loopback;
  }
  return sizeof *address;
}

using Listeners = std::array<int, kListeners>;

// Non-blocking, because several processes wake up for one connection.
Listeners open_listeners(const Context& context) {
  Listeners listeners{};
  const Family family = context.settings.family;
  for (std::size_t i = 0; i < kListeners; ++i) {
    const int fd =
        check(::socket(family == Family::kV4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0),
              "socket");
    const int v6_only = 0;
    if (family == Family::kMapped)
      check(::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only), "V6ONLY");
    sockaddr_storage address;
    const socklen_t length = fill_address(family, INADDR_ANY, 0, address);
    check(::bind(fd, reinterpret_cast<const sockaddr*>(&address), length), "bind");
    check(::listen(fd, 4096), "listen");
    context.shared->ports[i] = local_port_of(fd);
    listeners[i] = fd;
  }
  check(static_cast<int>(::write(context.ready_fd, "r", 1)), "tell that the listeners are there");
  return listeners;
}

// Serves a connection to its end. Returns after it is closed and in the log.
void serve(const Context& context, int fd, pid_t opener, std::uint32_t local_port, TruthLog& log,
           const std::atomic<std::uint32_t>* others_closed = nullptr, std::uint32_t number = 0) {
  std::array<std::byte, kMostBytes> bytes{};
  Header header{};
  SocketTruth truth{
      .cookie = cookie_of(fd), .end = "server", .opener = opener, .local_port = local_port};
  receive_all(fd, bytes.data(), sizeof header);
  std::memcpy(&header, bytes.data(), sizeof header);
  receive_all(fd, bytes.data(), header.request - sizeof header);
  send_all(fd, bytes.data(), header.response);
  if (context.settings.client_closes_first) expect_end_of_stream(fd);
  // A socket that is open in two processes is closed by the last of them; this decides which one
  // that is.
  while (others_closed && others_closed->load() <= number) ::sched_yield();
  check(::close(fd), "close");
  truth.closed_ns = real_ns();
  truth.rx = header.request;
  truth.tx = header.response;
  truth.remote_port = header.client_port;
  log.add(truth);
}

void count_handled(const Context& context) {
  if (context.shared->handled.fetch_add(1) + 1 == context.settings.connections)
    check(static_cast<int>(::write(context.done_fd, "d", 1)), "tell that all is done");
}

// Calls take(fd, local port) for each connection until the stop pipe ends.
template <class Take>
void accept_all(const Context& context, const Listeners& listeners, Take take) {
  std::array<pollfd, kListeners + 1> files{};
  for (std::size_t i = 0; i < kListeners; ++i)
    files[i] = {.fd = listeners[i], .events = POLLIN, .revents = 0};
  files[kListeners] = {.fd = context.stop_fd, .events = POLLIN, .revents = 0};
  while (files[kListeners].revents == 0) {
    if (::poll(files.data(), files.size(), kPatienceMs) <= 0) fail("poll");
    for (std::size_t i = 0; i < kListeners; ++i) {
      if (files[i].revents == 0) continue;
      sockaddr_storage peer;
      socklen_t length = sizeof peer;
      const bool named = context.settings.accept_address;
      const int fd = ::accept4(listeners[i], named ? reinterpret_cast<sockaddr*>(&peer) : nullptr,
                               named ? &length : nullptr, 0);
      if (fd < 0 && errno == EAGAIN) continue;  // another worker accepted it
      take(check(fd, "accept"), context.shared->ports[i].load());
    }
  }
}

void run_preforked_worker(const Context& context, const Listeners& listeners) {
  set_process_name("churn-server");
  TruthLog log(context.truth_fd);
  accept_all(context, listeners, [&](int fd, std::uint32_t port) {
    serve(context, fd, ::getpid(), port, log);
    count_handled(context);
  });
}

// One thread accepts, the others serve.
void run_threaded_server(const Context& context) {
  set_process_name("churn-server");
  const Listeners listeners = open_listeners(context);
  struct Accepted {
    int fd;
    std::uint32_t port;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Accepted> waiting;
  bool stopping = false;
  auto work = [&] {
    set_process_name("churn-thread");  // only this thread's name
    TruthLog log(context.truth_fd);
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stopping || !waiting.empty(); });
      if (waiting.empty()) return;
      const Accepted next = waiting.front();
      waiting.pop_front();
      lock.unlock();
      serve(context, next.fd, ::getpid(), next.port, log);
      count_handled(context);
      lock.lock();
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < context.settings.workers; ++i) threads.emplace_back(work);
  accept_all(context, listeners, [&](int fd, std::uint32_t port) {
    const std::lock_guard lock(mutex);
    waiting.push_back({fd, port});
    changed.notify_one();
  });
  {
    const std::lock_guard lock(mutex);
    stopping = true;
    changed.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
}

void run_forking_server(const Context& context) {
  set_process_name("churn-server");
  ::signal(SIGCHLD, SIG_IGN);  // makes the kernel reap children
  const Listeners listeners = open_listeners(context);
  const pid_t acceptor = ::getpid();
  std::uint32_t number = 0;
  accept_all(context, listeners, [&](int fd, std::uint32_t port) {
    const pid_t child = check(::fork(), "fork");
    if (child == 0) {
      TruthLog log(context.truth_fd);
      serve(context, fd, acceptor, port, log, &context.shared->let_go, number);
      log.flush();
      count_handled(context);
      ::_exit(0);
    }
    check(::close(fd), "close the parent's copy");
    context.shared->let_go.store(++number);
  });
}

void run_client(const Context& context, std::uint32_t number) {
  set_process_name("churn-client");
  const Settings& settings = context.settings;
  std::mt19937 random(settings.seed * 1000 + number);
  std::uniform_int_distribution<std::uint32_t> request_size(sizeof(Header), kMostBytes);
  std::uniform_int_distribution<std::uint32_t> response_size(1, kMostBytes);
  std::array<std::byte, kMostBytes> bytes{};
  TruthLog log(context.truth_fd);
  for (std::uint32_t i = number; i < settings.connections; i += settings.clients) {
    const std::uint32_t port = context.shared->ports[i / settings.clients % kListeners];
    const std::uint32_t host =
        INADDR_LOOPBACK + (settings.family == Family::kV6 ? 0 : i / 16 % kDestinations);
    sockaddr_storage address;
    const socklen_t length = fill_address(settings.family, host, port, address);
    const int fd = check(
        ::socket(settings.family == Family::kV4 ? AF_INET : AF_INET6, SOCK_STREAM, 0), "socket");
    check(::connect(fd, reinterpret_cast<const sockaddr*>(&address), length), "connect");
    const SocketTruth truth{.cookie = cookie_of(fd),
                            .end = "client",
                            .opener = ::getpid(),
                            .tx = request_size(random),
                            .rx = response_size(random),
                            .local_port = local_port_of(fd),
                            .remote_port = port};
    const Header header{static_cast<std::uint32_t>(truth.tx), static_cast<std::uint32_t>(truth.rx),
                        truth.local_port};
    std::memcpy(bytes.data(), &header, sizeof header);
    send_all(fd, bytes.data(), truth.tx);
    receive_all(fd, bytes.data(), truth.rx);
    if (!settings.client_closes_first) expect_end_of_stream(fd);
    check(::close(fd), "close");
    log.add(truth);
  }
}

template <class Run>
pid_t start(Run run) {
  const pid_t pid = check(::fork(), "fork");
  if (pid != 0) return pid;
  run();
  ::_exit(0);
}

bool wait_for_all(const std::vector<pid_t>& pids) {
  bool ended_well = true;
  for (const pid_t pid : pids) {
    int status = 0;
    check(::waitpid(pid, &status, 0), "waitpid");
    ended_well &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return ended_well;
}

// Waits for a byte or the end of the file.
void await(int fd, const char* what) {
  pollfd file{.fd = fd, .events = POLLIN, .revents = 0};
  if (::poll(&file, 1, kPatienceMs) != 1) fail(what);
}

int run(Context& context) {
  const Settings& settings = context.settings;
  std::array<int, 2> done{};
  std::array<int, 2> stop{};
  std::array<int, 2> ready{};
  check(::pipe2(done.data(), O_CLOEXEC), "pipe");
  check(::pipe2(stop.data(), O_CLOEXEC), "pipe");
  check(::pipe2(ready.data(), O_CLOEXEC), "pipe");
  context.done_fd = done[1];
  context.stop_fd = stop[0];
  context.ready_fd = ready[1];

  std::vector<pid_t> servers;
  auto in_server = [&](auto body) {
    servers.push_back(start([&] {
      ::close(stop[1]);
      body();
    }));
  };
  if (settings.server == ServerKind::kThreaded) {
    in_server([&] { run_threaded_server(context); });
  } else if (settings.server == ServerKind::kFork) {
    in_server([&] { run_forking_server(context); });
  } else {
    const Listeners listeners = open_listeners(context);
    for (std::uint32_t i = 0; i < settings.workers; ++i)
      in_server([&] { run_preforked_worker(context, listeners); });
  }
  await(ready[0], "wait for the listeners");
  for (const auto& port : context.shared->ports) std::printf("%u ", port.load());
  std::puts("");
  std::fflush(stdout);
  await(STDIN_FILENO, "wait for the word to start");

  std::vector<pid_t> clients;
  for (std::uint32_t i = 0; i < settings.clients; ++i)
    clients.push_back(start([&] {
      ::close(stop[1]);
      run_client(context, i);
    }));
  const bool clients_well = wait_for_all(clients);
  if (clients_well) await(done[0], "wait for the servers to finish");
  ::close(stop[1]);
  const bool servers_well = wait_for_all(servers);
  return clients_well && servers_well ? 0 : 1;
}

std::uint32_t number_of(const std::string& text) {
  return static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
}

// Options come in pairs; an invalid one ends the program.
Settings parse_settings(int argc, char** argv) {
  static const std::map<std::string, ServerKind> kServers = {{"prefork", ServerKind::kPrefork},
                                                             {"threaded", ServerKind::kThreaded},
                                                             {"fork", ServerKind::kFork}};
  static const std::map<std::string, Family> kFamilies = {
      {"4", Family::kV4}, {"6", Family::kV6}, {"mapped", Family::kMapped}};
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--server" && kServers.contains(value))
      settings.server = kServers.at(value);
    else if (name == "--family" && kFamilies.contains(value))
      settings.family = kFamilies.at(value);
    else if (name == "--close")
      settings.client_closes_first = value == "client";
    else if (name == "--connections")
      settings.connections = number_of(value);
    else if (name == "--clients")
      settings.clients = number_of(value);
    else if (name == "--workers")
      settings.workers = number_of(value);
    else if (name == "--accept-address")
      settings.accept_address = value == "1";
    else if (name == "--seed")
      settings.seed = number_of(value);
    else if (name == "--truth")
      settings.truth = value;
    else {
      std::fprintf(stderr, "wrong option %s %s\n", argv[i], argv[i + 1]);
      std::exit(2);
    }
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  Context context;
  context.settings = parse_settings(argc, argv);
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  context.shared = new (memory) Shared{};
  context.truth_fd = check(::open(context.settings.truth.c_str(),
                                  O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644),
                           "open the truth file");
  return run(context);
}
