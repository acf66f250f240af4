-- What an old worker still has to do: one that a reload has replaced, and that lives for as long as its sessions last.
-- HAProxy 3.0 ends its checks when it ends its listeners (proxy.c, `do_soft_stop_now`; check.c, `process_chk_conn`), so nothing would
-- cut a session there whose server has lost its role or its machine. The worker that has taken over does check: a server that it
-- has found down is marked down here as well, and `on-marked-down shutdown-sessions` does the rest.
--
--   lua-load old-worker.lua SECONDS    how long a worker's checks take after its start until their word is final

local settled = tonumber((...))
local interval = 200 -- ms between two looks
local looks = 2 -- in a row that must find a server down: its check may be just about to find it up
local found = {} -- how many have, by backend and server

-- The admin socket is the new worker's.
local function ask()
  local socket = core.tcp()
  socket:settimeout(1)
  local said
  if socket:connect("/run/haproxy/admin.sock") and socket:send("show info; get var proc.timeline; show servers state\n") then
    said = socket:receive("*a")
  end
  socket:close()
  return said or ""
end

local function follow()
  local said = ask()
  -- At its start a single slow answer is enough for it to take a server for down. And it may be that no Patroni answers: until
  -- it has known a leader it cannot say that one leads no more.
  if tonumber(said:match("Uptime_sec: (%d+)") or 0) < settled then return end
  local knows_leaders = not said:find("proc.timeline: type=sint value=<0>", 1, true)
  for backend, name, state in said:gmatch("\n%d+ (%S+) %d+ (%S+) %S+ (%d) ") do
    local key = backend .. "/" .. name
    local down = state == "0" and (backend ~= "leaders" or knows_leaders)
    found[key] = down and (found[key] or 0) + 1 or 0
    -- A server that the new worker has may be new. What follows another's state does so here, too.
    local server = core.backends[backend] and core.backends[backend].servers[name]
    if server and found[key] == looks then server:check_force_down() end
  end
end

core.register_task(function()
  while true do
    local old = core.get_info()["Stopping"] ~= 0
    if old then follow() end
    core.msleep(old and interval or 1000)
  end
end)
