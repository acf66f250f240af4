-- Holds a new connection for writes until somebody leads: `tcp-request content lua.hold SECONDS`.
-- HAProxy's own queues need a server that is up; while nobody leads there is none, and it would refuse.

local step = 20 -- ms between two looks of one connection
local looks = 5 -- most looks a millisecond of all connections together, so that thousands of them do not cost a core
local fresh = 50 -- ms for which a connect that worked counts for others
local patience = 0.5 -- s until a connect has failed
local horizon = 0 -- until when looks are given away, ms

local function now()
  local time = core.now()
  return time.sec * 1000 + time.usec / 1000
end

-- Sleeps until this connection's next look.
local function rest()
  local time = now()
  horizon = math.max(horizon + 1 / looks, time + step)
  core.msleep(math.ceil(horizon - time))
end

local connected = {} -- when a connect to a node worked last, ms
local asking = {} -- nodes that are being tried: one connection tries for all

-- A node whose machine has just vanished is still up for the checks, and a connection on its way there waits for an answer that
-- does not come. Should its server be marked down meanwhile, HAProxy 3.0.11 neither closes that connection nor serves it, ever.
local function answers(name)
  if connected[name] and now() < connected[name] + fresh then return true end
  if asking[name] then return false end
  asking[name] = true
  local socket = core.tcp()
  socket:settimeout(patience)
  local done = socket:connect(core.backends.leaders.servers[name]:get_addr())
  socket:close()
  asking[name] = nil
  if done then connected[name] = now() end
  return done
end

-- A leader that is about to stop in good order refuses whoever comes, and still leads. Until when nobody is let in to it, in ms
-- since the epoch, by its name: the gate writes it, and takes it back earlier when it can.
local leaving = Map.new("virt@leaving", Map._str)

-- Whoever Patroni named last leads, if PostgreSQL can be reached there. After its start HAProxy takes every server for
-- up; the name is what is not known yet.
local function led(txn)
  local name = txn:get_var("proc.leader")
  if not name or now() < tonumber(leaving:lookup(name) or 0) then return false end
  return txn.f:srv_is_up("leaders/" .. name) ~= 0 and answers(name)
end

core.register_action("hold", { "tcp-req" }, function(txn, seconds)
  local limit = now() + 1000 * tonumber(seconds)
  while not led(txn) do
    -- After a reload nobody checks servers in this worker, so a server that is up here may be gone: to the new one, which holds on.
    if txn.f:stopping() ~= 0 then
      txn:set_var("txn.replaced", true)
      return act.CONTINUE
    end
    -- The client went away, or waited long enough. For the next rule to reject: in a backend `act.ABORT` has no effect (3.0.11).
    if not txn.req:may_recv() or now() > limit then
      txn:set_var("txn.unserved", true)
      return act.CONTINUE
    end
    rest()
  end
  return act.CONTINUE
end, 1)
