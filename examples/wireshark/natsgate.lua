-- NATS for a Wireshark that has no NATS dissector yet. It shows every operation of the client protocol on TCP port
-- 4222, put together over segments, under the filter names of Wireshark's own dissector (nats.op, nats.subject, ...).
-- Where Wireshark has its own, this file does nothing.
--
-- Copy it into the folder "Personal Lua Plugins" (Help, About Wireshark, Folders), or:
--   tshark -X lua_script:natsgate.lua -r capture.pcapng
-- Wireshark runs no Lua script as root.

local found, own = pcall(Dissector.get, "nats")
if not (found and own) then
  found, own = pcall(Dissector.get, "NATS")
end
if found and own then
  return
end

local nats = Proto("nats", "NATS")
local f = {
  op = ProtoField.string("nats.op", "Operation"),
  subject = ProtoField.string("nats.subject", "Subject"),
  reply = ProtoField.string("nats.reply_to", "Reply To Subject"),
  sid = ProtoField.string("nats.subscription.id", "Subscription ID"),
  group = ProtoField.string("nats.subscription.group", "Queue Group"),
  max = ProtoField.uint64("nats.subscription.max_msgs", "Max Messages"),
  total = ProtoField.uint64("nats.total_length", "Total Bytes"),
  header_bytes = ProtoField.uint64("nats.headers.length", "Headers Bytes"),
  header = ProtoField.string("nats.header", "Header"),
  header_name = ProtoField.string("nats.header.name", "Name"),
  header_value = ProtoField.string("nats.header.value", "Value"),
  body = ProtoField.bytes("nats.body", "Body"),
  features = ProtoField.string("nats.features", "Features"),
  err = ProtoField.string("nats.err_msg", "Error Message"),
}
nats.fields = f

-- Names of the arguments, by how many there are.
local OPERATIONS = {
  PUB = { [2] = { "subject", "total" }, [3] = { "subject", "reply", "total" } },
  HPUB = {
    [3] = { "subject", "header_bytes", "total" },
    [4] = { "subject", "reply", "header_bytes", "total" },
  },
  SUB = { [2] = { "subject", "sid" }, [3] = { "subject", "group", "sid" } },
  UNSUB = { [1] = { "sid" }, [2] = { "sid", "max" } },
  MSG = { [3] = { "subject", "sid", "total" }, [4] = { "subject", "sid", "reply", "total" } },
  HMSG = {
    [4] = { "subject", "sid", "header_bytes", "total" },
    [5] = { "subject", "sid", "reply", "header_bytes", "total" },
  },
  CONNECT = "features",
  INFO = "features",
  ["-ERR"] = "err",
  ["+OK"] = "nothing",
  PING = "nothing",
  PONG = "nothing",
}
local NUMBERS = { total = true, header_bytes = true, max = true }
local LF = 10

-- The offset of the line feed at or after `start`, or nil.
local function line_end(bytes, start)
  for at = start, bytes:len() - 1 do
    if bytes:get_index(at) == LF then
      return at
    end
  end
  return nil
end

-- The arguments of a line by name, each with its place; nil where they fit no form.
local function arguments(line, forms)
  local tokens = {}
  for from, word, to in line:gmatch("()(%S+)()") do
    tokens[#tokens + 1] = { from = from - 1, length = to - from, text = word }
  end
  local names = forms[#tokens - 1]
  if names == nil then
    return nil
  end
  local named = {}
  for index, name in ipairs(names) do
    named[name] = tokens[index + 1]
    if NUMBERS[name] and tonumber(tokens[index + 1].text) == nil then
      return nil
    end
  end
  return named
end

local function add_headers(tree, tvb, start, length)
  local bytes = tvb:range(start, length):bytes()
  local at = 0
  while at < length do
    local stop = line_end(bytes, at)
    if stop == nil then
      return
    end
    local line = tvb:range(start + at, stop - at + 1)
    local name, value = line:string():match("^([^:\r\n]+):%s*([^\r\n]*)")
    if name ~= nil then
      local item = tree:add(f.header, line, name .. ": " .. value)
      item:add(f.header_name, line, name)
      item:add(f.header_value, line, value)
    end
    at = stop + 1
  end
end

-- Shows the operation at `start`. Gives its length, or nil and how many bytes are missing (-1: not known).
local function operation(tvb, bytes, start, tree, names)
  local stop = line_end(bytes, start)
  if stop == nil then
    return nil, -1
  end
  local line_length = stop - start + 1
  local line = tvb:range(start, line_length):string()
  local verb = (line:match("^[+%-%a]+") or ""):upper()
  local form = OPERATIONS[verb]
  if form == nil then
    return line_length, 0
  end
  local named = type(form) == "table" and arguments(line, form) or {}
  local total = named.total and tonumber(named.total.text) or 0
  local length = named.total and line_length + total + 2 or line_length
  if start + length > tvb:len() then
    return nil, start + length - tvb:len()
  end
  names[#names + 1] = verb
  local item = tree:add(nats, tvb:range(start, length), verb)
  item:add(f.op, tvb:range(start, #verb), verb)
  for name, token in pairs(named) do
    local place = tvb:range(start + token.from, token.length)
    if NUMBERS[name] then
      item:add(f[name], place, UInt64.new(tonumber(token.text)))
    else
      item:add(f[name], place, token.text)
    end
  end
  if named.subject then
    item:append_text(" " .. named.subject.text)
  end
  if type(form) == "string" and f[form] ~= nil then
    local text = line:match("^%S+%s+(.-)%s*$") or ""
    item:add(f[form], tvb:range(start, line_length), text)
    item:append_text(" " .. text:sub(1, 80))
  end
  local header_bytes = named.header_bytes and tonumber(named.header_bytes.text) or 0
  if header_bytes > 0 and header_bytes <= total then
    add_headers(item, tvb, stop + 1, header_bytes)
  end
  if total > header_bytes then
    item:add(f.body, tvb:range(stop + 1 + header_bytes, total - header_bytes))
  end
  return length, 0
end

function nats.dissector(tvb, pinfo, tree)
  local bytes = tvb:bytes()
  local names = {}
  local at = 0
  pinfo.cols.protocol = "NATS"
  while at < tvb:len() do
    local length, missing = operation(tvb, bytes, at, tree, names)
    if length == nil then
      pinfo.desegment_offset = at
      pinfo.desegment_len = missing < 0 and DESEGMENT_ONE_MORE_SEGMENT or missing
      break
    end
    at = at + length
  end
  if #names > 0 then
    pinfo.cols.info = table.concat(names, ", ")
  end
  return tvb:len()
end

DissectorTable.get("tcp.port"):add(4222, nats)
