local trace = require "conform.trace"
local list = trace.list()
return list
