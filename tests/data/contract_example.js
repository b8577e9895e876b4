const socket = new WebSocket("ws://localhost/ws/tasks");
socket.onmessage = function (event) {
  const data = JSON.parse(event.data);
  if (data.type === "taskUpdate") console.log(`Task ${data.task_id} updated to ${data.status}`);
  else if (data.type === "performanceUpdate") console.log(`Performance Update: CPU - ${data.cpu_usage}%`);
};
