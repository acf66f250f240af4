-- Ends the sessions of a server that is down: who stayed would talk to nobody.
--   lua-load cut.lua MILLISECONDS    `timeout connect` and a little more
--
-- Not by HAProxy's `on-marked-down shutdown-sessions`. It forgets who is on his way to the server at that moment: he is neither served
-- nor told, for ever, and keeps his place in the frontend (3.0.11, stream.c: `process_stream` notes the state that it compares with
-- after `stream_shutdown_self` has changed it). A little later nobody is on his way any more: those have gone on to another server.

local patience = tonumber((...))

local function cut(server)
  core.msleep(patience)
  -- One that is up again has its sessions back, or has ended them itself.
  if server:get_stats()["status"]:find("^DOWN") then server:shut_sess() end
end

-- Also for old-workers.lua: an old worker has no events any more.
function cut_soon(server) core.register_task(cut, server) end

core.event_sub({ "SERVER_DOWN" }, function(_, data)
  if data.reference then cut_soon(data.reference) end
end)
