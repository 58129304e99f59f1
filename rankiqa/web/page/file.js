// Without a server a browser loads no module and no model: what to do is said then, by a script that it loads.
if (location.protocol === "file:") {
  document.addEventListener("DOMContentLoaded", () => {
    const command = "python -m http.server";
    const place = document.getElementById("start");
    place.textContent = `Browsers open this page from a web server only. In its folder run "${command}" and open `
      + `http://localhost:8000. 浏览器只能通过网页服务器打开此页面：在其文件夹中运行“${command}”，再打开 http://localhost:8000。`;
    place.hidden = false;
  });
}
