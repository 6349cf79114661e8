#ifndef TRACE_EVENTS_MAPLE_TREE_H
#define TRACE_EVENTS_MAPLE_TREE_H

#define tracepoint_string(text)                 (text)
#define trace_ma_op(function, mas)              ((void)0)
#define trace_ma_read(function, mas)            ((void)0)
#define trace_ma_write(function, mas, piv, val) ((void)0)

#endif
