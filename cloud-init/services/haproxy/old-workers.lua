-- Old workers: those that a reload has replaced, and that live for as long as their sessions last. HAProxy 3.0 leaves two things open.
--   lua-load old-workers.lua SECONDS    how long a worker's checks take after its start until their word is final

local settled = tonumber((...))

-- What HAProxy answers on a socket. @returns "" when it does not
local function ask(path, command)
  local socket = core.tcp()
  socket:settimeout(0.5)
  local said
  if socket:connect(path) and socket:send(command .. "\n") then said = socket:receive("*a") end
  socket:close()
  return said or ""
end

-- 1. HAProxy ends its checks when it ends its listeners (proxy.c, `do_soft_stop_now`; check.c, `process_chk_conn`), so in an old
-- worker nothing would cut a session whose server has lost its role or its machine. The new worker does check: a server that it has
-- found down is marked down in the old one as well, and its sessions are cut (cut.lua).
local looks = 2 -- in a row that must find a server down: its check may be just about to find it up
local found = {} -- how many have, by backend and server

-- @returns when to look again, ms
local function follow_new_worker()
  -- The admin socket is the new one's.
  local said = ask("/run/haproxy/admin.sock", "show info; get var proc.timeline; show servers state")
  -- At its start a single slow answer is enough for it to take a server for down. And it may be that no Patroni answers: until
  -- it has known a leader it cannot say that one leads no more.
  if tonumber(said:match("Uptime_sec: (%d+)") or 0) < settled then return 200 end
  local knows_leaders = not said:find("proc.timeline: type=sint value=<0>", 1, true)
  for backend, name, state in said:gmatch("\n%d+ (%S+) %d+ (%S+) %S+ (%d) ") do
    local key = backend .. "/" .. name
    local down = state == "0" and (backend ~= "leaders" or knows_leaders)
    found[key] = down and (found[key] or 0) + 1 or 0
    -- One that the new worker has may be new. What follows another's state does so here, too.
    local proxy = core.backends[backend]
    local server = proxy and proxy.servers[name]
    if server and found[key] == looks then
      server:check_force_down()
      for _, follower in pairs(core.backends) do
        if follower.servers[name] then cut_soon(follower.servers[name]) end
      end
    end
  end
  return 200
end

-- 2. It counts a server's places (`maxconn`) in each worker by itself. The new worker gives away those only that old ones have left,
-- or clients would hold them twice, and PostgreSQL refuse PgBouncer.
local master = "/run/haproxy/master.sock"
local places = {} -- of each server, by backend and name, as they are configured
local given = {} -- how many of them are given away here

-- Nothing while the master, which has just reloaded, does not answer.
local function held_by_old_workers()
  local held, processes = {}, ask(master, "show proc")
  if processes == "" then return end
  local old = processes:match("# old workers\n([^#]*)") or ""
  for pid in old:gmatch("(%d+) +worker") do
    for backend, name, sessions in ask(master, "@!" .. pid .. " show stat -1 4 -1"):gmatch("\n([^,\n]+),([^,]+),[^,]*,[^,]*,(%d+),") do
      local key = backend .. "/" .. name
      held[key] = (held[key] or 0) + tonumber(sessions)
    end
  end
  return held
end

-- @returns when to look again, ms
local function give_away_the_rest()
  local held = held_by_old_workers()
  if not held then return 100 end
  for backend, proxy in pairs(core.backends) do
    for name, server in pairs(proxy.servers) do
      local key = backend .. "/" .. name
      places[key] = places[key] or server:get_maxconn()
      -- 0 is without a limit.
      local rest = math.max(1, places[key] - (held[key] or 0))
      if places[key] > 0 and rest ~= (given[key] or places[key]) then
        server:set_maxconn(rest)
        given[key] = rest
      end
    end
  end
  return 1000
end

local function look()
  if core.get_info()["Stopping"] ~= 0 then return follow_new_worker() end
  return give_away_the_rest()
end

core.register_task(function()
  while true do
    -- An error, as of memory that is short, must not end this.
    local done, pause = pcall(look)
    core.msleep(done and pause or 1000)
  end
end)
