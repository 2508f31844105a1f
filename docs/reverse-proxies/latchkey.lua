-- An action for HAProxy 2.6 or later: `http-request lua.latchkey URL` asks Latchkey whether a request may pass.

local identity = { "x-latchkey-subject", "x-latchkey-user", "x-latchkey-scope", "x-latchkey-client" }

-- Passes on all values of Authorization, as Latchkey refuses a request with several.
local function headers_for(request)
  local values = {}
  local index = 0
  while request["authorization"] and request["authorization"][index] do
    table.insert(values, request["authorization"][index])
    index = index + 1
  end
  if #values == 0 then
    return {}
  end
  return { authorization = values }
end

local function refuse(txn, response)
  local is_refusal = response.status == 401 or response.status == 403
  local reply = txn:reply({ status = is_refusal and response.status or 503 })
  local name = is_refusal and "www-authenticate" or "retry-after"
  local values = response.headers and response.headers[name]
  if values and values[0] then
    reply:add_header(name, values[0])
  end
  txn:done(reply)
end

core.register_action("latchkey", { "http-req" }, function(txn, url)
  local response = core.httpclient():get({
    url = url,
    headers = headers_for(txn.http:req_get_headers()),
    timeout = 5000,
  })
  if response.status ~= 204 then
    return refuse(txn, response)
  end
  for _, name in ipairs(identity) do
    local values = response.headers[name]
    if values and values[0] then
      txn.http:req_set_header(name, values[0])
    end
  end
end, 1)
